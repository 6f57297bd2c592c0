"""CloudFormation beside moto: the resource types of our stacks that moto lacks, and change sets that work.

`types` is the table of resource types, `convert` turns their properties into the parameters of the
services' operations, `models` makes moto's model classes of the table. `engine` creates, updates and
deletes stacks (`order`, `removal`), `stacks` and `install` put all of it in place.
"""

from hyperpod_inference.local.aws.lean import without_grammar

without_grammar()  # before moto's own CloudFormation is imported
