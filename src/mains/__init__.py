"""mains: one socket, one meter, one bill for a city's AI ecosystem."""

__version__ = "0.1.0"
