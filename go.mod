module hypernova

go 1.26
