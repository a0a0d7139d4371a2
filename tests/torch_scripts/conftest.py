"""The scripts here are run by tests/test_torch_scripts.py; they are no tests themselves."""

collect_ignore_glob = ["*.py"]
