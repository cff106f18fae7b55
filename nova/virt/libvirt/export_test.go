package libvirt

// FrozenConsoles is for tests.
var FrozenConsoles = frozenConsoles
