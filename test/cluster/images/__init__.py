"""The images of the tests, made from files without a registry, and the tool that is in one of them."""
