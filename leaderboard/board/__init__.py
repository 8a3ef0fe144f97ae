"""The board: submissions are replayed, their rows become files that anyone can read. See `leaderboard.board.build`."""
