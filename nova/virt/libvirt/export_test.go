package libvirt

// FrozenConsoles is frozenConsoles for tests of the external test package.
var FrozenConsoles = frozenConsoles
