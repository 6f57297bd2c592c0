"""Where the control plane's programs come from: a directory, the cache, a download, a build with Go."""
