"""Live, in namespaces.

`network` is where, `load` what the guest does, `mirrors` who mirrors it, `sample` one measurement, `rounds`
many of them in turn, `results` what is made of those; `rings` and `largest` are of the userspace engine.
"""
