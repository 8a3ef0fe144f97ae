"""Users who leave when items are too alike or too poor: the departure family of BiLLP and CIRS."""
