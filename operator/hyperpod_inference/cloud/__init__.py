"""AWS: a module for each service that is called, and the one place where botocore's errors are translated."""
