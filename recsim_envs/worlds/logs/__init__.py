"""Reading what people did with items, from anybody's files."""
