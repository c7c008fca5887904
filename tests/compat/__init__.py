"""What earlier versions left on disk goes on working."""
