"""What the tests stand on: real wheels, a real index, real workspaces; nothing replaces envyard's code."""
