"""Wrappers over the faces."""

from recsim_envs.wrappers.privileged import PrivilegedInfo, VectorPrivilegedInfo

__all__ = ["PrivilegedInfo", "VectorPrivilegedInfo"]
