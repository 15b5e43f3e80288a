"""The tests: a folder for each family of promises; `support/` holds what several families use."""
