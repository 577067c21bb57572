"""mirrorplane: cloud-style VPC traffic mirroring on any Linux host."""

__version__ = "0.1.0"
__all__ = ["__version__"]
