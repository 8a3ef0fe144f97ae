"""Catalogues as text: writing items, comparing texts, and finding the item that a text names."""
