"""One reader a format: from raw files to a `Log`, in little memory. Nothing here is imported before it is needed."""
