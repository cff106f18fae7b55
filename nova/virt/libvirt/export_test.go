package libvirt

// FrozenConsoles is frozenConsoles for tests of the external test package.
var FrozenConsoles = frozenConsoles

// HostTraits is traits for tests of the external test package.
var HostTraits = traits
