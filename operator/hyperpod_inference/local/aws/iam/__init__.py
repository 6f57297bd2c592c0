"""IAM enforced: what a role's policies allow, of the calls that this project makes.

`policy` evaluates statements, `requests` says what a call is in IAM's terms, `enforcing` who calls, and who
may take a role by a web identity.
"""
