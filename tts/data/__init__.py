"""Tables (Parquet) and arrays (NPY shards): how everything the pipeline keeps is written and read."""
