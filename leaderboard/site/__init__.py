"""The board as a site, as Markdown, as a picture and in a terminal. Everything here is drawn from the board's model.

The site is static: it works from files and from any sub-path, asks nobody for anything, and its content security policy
lets only its own files run. Whatever strangers wrote is escaped by the templates, and made visible by `text`.
"""
