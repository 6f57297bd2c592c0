"""What `local up --with NAME` adds to the cluster, as pods: mostly real programs of other projects.

`known` lists them; `extra` says what each consists of; `adding` builds its program, reads its CRDs from its
own Go module and installs it. Its pod runs that program through the image table.
"""
