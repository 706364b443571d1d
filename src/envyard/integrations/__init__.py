"""What envyard writes for other programs: direnv, shells, editors, continuous integration."""
