"""What stages share: params, paths, work directories, parallel maps, results."""
