"""The command `mains`: one file per noun; talks to a server through wire/client alone."""
