"""`python -m anonymise`: statistics of persons from the command line."""

from anonymise.cli import main

if __name__ == "__main__":
    main()
