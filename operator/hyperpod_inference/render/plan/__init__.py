"""What applying an endpoint would change, and whether the cluster has room for it: pure, from values read.

    diff     two bodies -> the fields that differ
    objects  one live and one wanted object -> created, changed, deleted, and whether pods restart
    room     nodes and pods -> what is free where, and which nodes a pod may use
    seats    room and a pod -> which instance type takes how many replicas now
    order    when the list of instance types is a preference and not an order

`cli.plan` reads the values from a live cluster and prints the result.
"""
