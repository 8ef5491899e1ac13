"""Pages for people: server-rendered views over the services of the slices."""
