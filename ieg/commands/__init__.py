"""What `--mode` chooses: one file per command, with one `run(settings, console)`."""
