"""`mains doctor`: looks at an instance, running or not, and says what to do about what is wrong."""
