// Names the KEDA whose definitions the examples are tested against: `make keda-module` fetches it into Go's cache.
module github.com/hyperpod-inference/keda

go 1.24.0

require github.com/kedacore/keda/v2 v2.21.0
