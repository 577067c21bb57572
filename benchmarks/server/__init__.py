"""The server that speaks the clouds' APIs: `api` is what is measured, `calls` its clients."""
