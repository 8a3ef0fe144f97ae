"""Agents outside the harness: in a process of their own, in any language, or on a server. See docs/protocol.md."""
