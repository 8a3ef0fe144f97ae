"""`billp-plus`: the same four roles, with tested beliefs, pair facts, a valued choice and plans over several steps."""
