"""Loss terms that more than one system uses."""
