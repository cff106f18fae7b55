package api

import (
	"encoding/base64"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hypernova/oslo/ids"
)

// rules are the checks of one is:"…" tag, comma-separated:
//
//	required, nullable          presence and null
//	name, text, id, uuid        1..255 printable without blanks around; 0..255; 1..255 without blanks; a UUID
//	min= max=                   bounds of numbers
//	minlen= maxlen=             bounds of strings in characters, and of lists and maps
//	minitems= maxitems= unique  bounds of lists and maps; no element twice
//	enum=a|b                    one of
//	ip ipv4 ipv6 cidr mac hostname fqdn url base64
//	boolish intish              also the words and digits that OpenStack's lax booleans and integers accept
//	boolword digits             of those only what nova's schemas accept: no blanks, no numbers for booleans
//	narrow                      no character beyond the basic multilingual plane, as in the names of nova
//	stripped                    blanks around are cut off; so they are of each name where bodies are read relaxed
//	oldnull                     null is taken where bodies are read relaxed
//	each(…)                     checks of the elements of a list or the values of a map; keys(…) of the keys of a map
//	pattern=…                   a regular expression; must stand last, takes the rest of the tag
type rules struct {
	required, nullable, boolish, intish, unique bool
	exact, name, stripped, oldNull              bool
	min, max                                    *float64
	minLen, maxLen, minItems, maxItems          *int
	enum                                        []string
	text                                        []textCheck
	each, keys                                  *rules
	source                                      string
}

// textCheck answers why s is refused, or nothing.
type textCheck func(s string) string

var noRules = &rules{}

func parseRules(tag, where string) *rules {
	if tag == "" {
		return noRules
	}
	r := &rules{source: tag}
	for rest := tag; rest != ""; {
		var item string
		item, rest = cutRule(rest)
		name, arg, _ := strings.Cut(item, "=")
		if err := r.add(name, arg, item, where); err != nil {
			panic(fmt.Sprintf("api: %s: is:%q: %v", where, tag, err))
		}
	}
	return r
}

// cutRule splits at the first comma outside parentheses; a pattern takes everything.
func cutRule(s string) (item, rest string) {
	if strings.HasPrefix(s, "pattern=") {
		return s, ""
	}
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

func (r *rules) add(name, arg, item, where string) (err error) {
	switch name {
	case "required":
		r.required = true
	case "nullable":
		r.nullable = true
	case "boolish":
		r.boolish = true
	case "intish":
		r.intish = true
	case "boolword":
		r.boolish, r.exact = true, true
	case "digits":
		r.intish, r.exact = true, true
	case "stripped":
		r.stripped = true
	case "oldnull":
		r.oldNull = true
	case "unique":
		r.unique = true
	case "min":
		r.min, err = floatArg(arg)
	case "max":
		r.max, err = floatArg(arg)
	case "minlen":
		r.minLen, err = intArg(arg)
	case "maxlen":
		r.maxLen, err = intArg(arg)
	case "minitems":
		r.minItems, err = intArg(arg)
	case "maxitems":
		r.maxItems, err = intArg(arg)
	case "enum":
		r.enum = strings.Split(arg, "|")
	case "pattern":
		re, err := regexp.Compile(arg)
		if err != nil {
			return err
		}
		r.text = append(r.text, func(s string) string {
			if re.MatchString(s) {
				return ""
			}
			return "does not match " + re.String()
		})
	default:
		if inner, ok := strings.CutPrefix(item, "each("); ok && strings.HasSuffix(inner, ")") {
			r.each = parseRules(strings.TrimSuffix(inner, ")"), where)
			return nil
		}
		if inner, ok := strings.CutPrefix(item, "keys("); ok && strings.HasSuffix(inner, ")") {
			r.keys = parseRules(strings.TrimSuffix(inner, ")"), where)
			return nil
		}
		check := textCheckNamed(name)
		if check == nil {
			return fmt.Errorf("unknown check %q", name)
		}
		r.text = append(r.text, check)
		r.name = r.name || name == "name"
	}
	return err
}

func floatArg(s string) (*float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	return &f, err
}

func intArg(s string) (*int, error) {
	n, err := strconv.Atoi(s)
	return &n, err
}

func textCheckNamed(name string) textCheck {
	switch name {
	case "name":
		return checkName
	case "text":
		return func(s string) string { return checkLength(s, 0, 255) }
	case "narrow":
		return refuse(func(s string) bool { return !strings.ContainsFunc(s, func(c rune) bool { return c >= 0xFFFF }) },
			"has characters that names cannot have")
	case "id":
		return checkID
	case "uuid":
		return refuse(ids.IsUUID, "is not a UUID")
	case "ip":
		return refuse(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Zone() == "" },
			"is not an IP address")
	case "ipv4":
		return refuse(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() },
			"is not an IPv4 address")
	case "ipv6":
		return refuse(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() && a.Zone() == "" },
			"is not an IPv6 address")
	case "cidr":
		return refuse(func(s string) bool { _, err := netip.ParsePrefix(s); return err == nil }, "is not an IP prefix")
	case "mac":
		return refuse(func(s string) bool { m, err := net.ParseMAC(s); return err == nil && len(m) == 6 && len(s) == 17 },
			"is not a MAC address")
	case "hostname":
		return refuse(isHostname, "is not a host name")
	case "fqdn":
		return refuse(isFQDN, "is not a host name")
	case "url":
		return refuse(isURL, "is not a URL")
	case "base64":
		return refuse(isBase64, "is not base64")
	}
	return nil
}

func refuse(ok func(string) bool, why string) textCheck {
	return func(s string) string {
		if ok(s) {
			return ""
		}
		return quoted(s) + " " + why
	}
}

// quoted shortens what a client sent, so that messages stay messages.
func quoted(s string) string {
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:61], "") + "..."
	}
	return "'" + s + "'"
}

func checkLength(s string, min, max int) string {
	n := utf8.RuneCountInString(s)
	if n < min {
		return quoted(s) + " is too short"
	}
	if max >= 0 && n > max {
		return quoted(s) + " is too long"
	}
	return ""
}

func checkName(s string) string {
	if why := checkLength(s, 1, 255); why != "" {
		return why
	}
	for _, c := range s {
		if !unicode.IsPrint(c) && !unicode.Is(unicode.Zs, c) {
			return quoted(strconv.Quote(s)) + " contains characters that cannot be printed"
		}
	}
	if strings.TrimSpace(s) != s {
		return quoted(s) + " begins or ends with blanks"
	}
	return ""
}

func checkID(s string) string {
	if why := checkLength(s, 1, 255); why != "" {
		return why
	}
	if strings.ContainsFunc(s, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }) {
		return quoted(s) + " contains blanks"
	}
	return ""
}

func isHostname(s string) bool { return len(s) <= 63 && isLabel(s) }

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

func isFQDN(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != ""
}

func isBase64(s string) bool {
	_, err := base64.StdEncoding.DecodeString(strings.Map(func(c rune) rune {
		if c == '\n' || c == '\r' {
			return -1
		}
		return c
	}, s))
	return err == nil
}

// checkText applies everything that concerns strings.
func (r *rules) checkText(s string) string {
	if len(r.enum) > 0 && !oneOf(r.enum, s) {
		return quoted(s) + " is not one of " + strings.Join(r.enum, ", ")
	}
	if r.minLen != nil || r.maxLen != nil {
		lo, hi := 0, -1
		if r.minLen != nil {
			lo = *r.minLen
		}
		if r.maxLen != nil {
			hi = *r.maxLen
		}
		if why := checkLength(s, lo, hi); why != "" {
			return why
		}
	}
	for _, c := range r.text {
		if why := c(s); why != "" {
			return why
		}
	}
	return ""
}

func oneOf(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func (r *rules) checkNumber(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "is not a finite number"
	}
	if r.min != nil && f < *r.min {
		return fmt.Sprintf("%v is less than the minimum of %v", f, *r.min)
	}
	if r.max != nil && f > *r.max {
		return fmt.Sprintf("%v is greater than the maximum of %v", f, *r.max)
	}
	if len(r.enum) > 0 && !oneOf(r.enum, strconv.FormatFloat(f, 'f', -1, 64)) {
		return fmt.Sprintf("%v is not one of %s", f, strings.Join(r.enum, ", "))
	}
	return ""
}

func (r *rules) checkCount(n int) string {
	for _, lo := range []*int{r.minItems, r.minLen} {
		if lo != nil && n < *lo {
			return fmt.Sprintf("has %d items, fewer than %d", n, *lo)
		}
	}
	for _, hi := range []*int{r.maxItems, r.maxLen} {
		if hi != nil && n > *hi {
			return fmt.Sprintf("has %d items, more than %d", n, *hi)
		}
	}
	return ""
}

// boolWords are the words that nova's schemas take for booleans.
var boolWords = map[string]bool{"True": true, "TRUE": true, "true": true, "1": true, "ON": true, "On": true, "on": true,
	"YES": true, "Yes": true, "yes": true,
	"False": false, "FALSE": false, "false": false, "0": false, "OFF": false, "Off": false, "off": false, "NO": false,
	"No": false, "no": false}

// parseBool reads the words OpenStack takes for booleans.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "t", "true", "on", "y", "yes":
		return true, true
	case "0", "f", "false", "off", "n", "no":
		return false, true
	}
	return false, false
}
