"""`python -m envyard`."""

from envyard.cli import main

if __name__ == "__main__":
    main()
