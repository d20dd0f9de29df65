"""Commands, chosen by `--mode`: one file each, with one `run(config, console)`."""
