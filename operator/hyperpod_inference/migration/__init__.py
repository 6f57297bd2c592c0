"""From the Helm-installed operator to the EKS add-on, and back: discover, plan, execute, report.

`helm` and `values` read a release, `planning` turns what was discovered into a typed plan, `steps` knows how
to do and undo each of its parts, and `engine` runs them with a journal, so that a run that was killed goes on
or goes back.
"""
