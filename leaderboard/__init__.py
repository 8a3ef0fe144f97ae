"""The harness and the board: evaluate agents by name, replay their traces, compare and show them."""
