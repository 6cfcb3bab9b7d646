"""Network parts that more than one system uses."""
