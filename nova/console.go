package nova

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ConsoleType is a sort of remote console, under nova's name.
type ConsoleType string

// The types that the Compute API names. This cloud has all but MKS. SPICE direct is the same console as SPICE, for
// clients that connect to it by a proxy of the operator's own.
const (
	ConsoleNoVNC       ConsoleType = "novnc"
	ConsoleSerial      ConsoleType = "serial"
	ConsoleSPICE       ConsoleType = "spice-html5"
	ConsoleSPICEDirect ConsoleType = "spice-direct"
	ConsoleMKS         ConsoleType = "webmks"
)

// ConsoleAddress is where a guest's console listens, as proxies reach it.
type ConsoleAddress struct {
	Host    string
	Port    int
	TLSPort int // with TLS, of SPICE consoles; 0: none
}

// CodeNoConsole is the code of the fault of a host on which consoles of a type are disabled, or whose guest has none.
const CodeNoConsole = "nova.no_console"

// ConsoleGrant is what a console token stands for: one console of one server, at one address, until it expires. The
// token itself is kept nowhere, only its hash.
type ConsoleGrant struct {
	Hash   string // of the token: SHA-256 in hexadecimal digits
	Server string
	Type   ConsoleType
	ConsoleAddress
	// URL is the base of the URL that the user was given, without the token. Browsers must come from a page of its scheme.
	URL     string
	Expires time.Time
}

// HashConsoleToken returns the form of a console token that is kept and sent between services.
func HashConsoleToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
