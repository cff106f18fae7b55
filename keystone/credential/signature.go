package credential

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net"
	"slices"
	"strings"
	"time"

	"hypernova/keystone"
	"hypernova/oslo/fault"
)

// Signed is a request that was signed with an EC2 key: the request itself, or for S3 the text that was signed, as
// Token.
type Signed struct {
	Access, Signature string
	Host, Verb, Path  string
	Params, Headers   map[string]string
	BodyHash          string
	Token             string // base64
}

// signatureFor is how long a signature with a time in it is good.
const signatureFor = 15 * time.Minute

var wrong = fault.New(fault.Unauthorized, "Invalid EC2 signature.")

// Check finds the credential that a request was signed with. fault.Unauthorized where the signature is not right or
// too old, fault.NotFound for an unknown access key.
func (s *Service) Check(ctx context.Context, r Signed) (keystone.Credential, EC2, error) {
	var e EC2
	if r.Access == "" || r.Signature == "" {
		return keystone.Credential{}, e, fault.New(fault.Unauthorized, "EC2 signature not supplied.")
	}
	c, err := s.Credential(ctx, EC2ID(r.Access))
	if fault.Is(err, fault.NotFound) || err == nil && c.Type != TypeEC2 {
		return c, e, fault.NotFoundf("EC2 access key not found.")
	}
	if err != nil {
		return c, e, err
	}
	if e, _, err = ParseEC2(c.Blob); err != nil {
		return c, e, err
	}
	if !r.signedWith(e.Secret) {
		return c, e, wrong
	}
	return c, e, r.recent(s.now())
}

func (r Signed) signedWith(secret string) bool {
	if r.Token != "" {
		return same(r.Signature, r.s3(secret))
	}
	if same(r.Signature, r.sign(secret)) {
		return true
	}
	// Some clients leave the port out of what they sign.
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return false
	}
	r.Host = host
	return same(r.Signature, r.sign(secret))
}

func same(given, made string) bool { return made != "" && hmac.Equal([]byte(given), []byte(made)) }

func (r Signed) recent(now time.Time) error {
	// What version 4 signs is its own date; a member of the other versions beside it would be whatever an
	// eavesdropper wants.
	text := r.Params["Timestamp"]
	for _, t := range []string{r.Params["X-Amz-Date"], r.Headers["X-Amz-Date"]} {
		if t != "" && (text == "" || r.isFour()) {
			text = t
		}
	}
	if text == "" {
		return nil // the signer left it out
	}
	for _, layout := range []string{time.RFC3339, "20060102T150405Z", "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			if now.After(at.Add(signatureFor)) {
				return fault.New(fault.Unauthorized, "Credential is expired")
			}
			return nil
		}
	}
	return fault.New(fault.Unauthorized, "Credential timestamp is invalid: %s", text)
}

// sign makes the signature in the version that the request names, empty for one that cannot be made.
func (r Signed) sign(secret string) string {
	switch r.Params["SignatureVersion"] {
	case "0":
		return base64.StdEncoding.EncodeToString(mac(sha1.New, secret, r.Params["Action"]+r.Params["Timestamp"]))
	case "1":
		names := keys(r.Params)
		slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		var text strings.Builder
		for _, n := range names {
			text.WriteString(n + r.Params[n])
		}
		return base64.StdEncoding.EncodeToString(mac(sha1.New, secret, text.String()))
	case "2":
		params := map[string]string{}
		for k, v := range r.Params {
			params[k] = v
		}
		params["SignatureMethod"] = "HmacSHA256"
		return base64.StdEncoding.EncodeToString(mac(sha256.New, secret, r.Verb+"\n"+r.Host+"\n"+r.Path+"\n"+
			canonical(params)))
	}
	if r.isFour() {
		return r.four(secret)
	}
	return ""
}

// isFour says whether the request is signed by version 4, which names itself where the others have a number.
func (r Signed) isFour() bool {
	switch r.Params["SignatureVersion"] {
	case "0", "1", "2":
		return false
	}
	return strings.HasPrefix(r.Headers["Authorization"], "AWS4-HMAC-SHA256") ||
		r.Params["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
}

func mac(h func() hash.Hash, key, text string) []byte {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// canonical is the query string as AWS signs it.
func canonical(params map[string]string) string {
	var out []string
	for _, k := range keys(params) {
		out = append(out, escape(k)+"="+escape(params[k]))
	}
	return strings.Join(out, "&")
}

// escape encodes all but the unreserved characters of RFC 3986.
func escape(s string) string {
	var out strings.Builder
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-_.~", b) >= 0 {
			out.WriteByte(b)
		} else {
			out.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{b})))
		}
	}
	return out.String()
}

// part is a member of the Authorization header, or the query parameter that stands for it.
func (r Signed) part(name string) string {
	auth, ok := r.Headers["Authorization"]
	if !ok {
		return r.Params["X-Amz-"+name]
	}
	_, rest, _ := strings.Cut(auth, name+"=")
	value, _, _ := strings.Cut(rest, ",")
	return strings.TrimSpace(value)
}

// four is AWS signature version 4.
func (r Signed) four(secret string) string {
	scope := strings.Split(r.part("Credential"), "/")
	date := r.Headers["X-Amz-Date"]
	if date == "" {
		date = r.Params["X-Amz-Date"]
	}
	if len(scope) < 5 || !strings.HasPrefix(date, scope[1]) {
		return ""
	}
	lower := map[string]string{}
	for k, v := range r.Headers {
		lower[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(v)
	}
	var headers []string
	for _, h := range strings.Split(r.part("SignedHeaders"), ";") {
		if v, ok := lower[h]; ok {
			headers = append(headers, h+":"+v)
		}
	}
	query := ""
	if !strings.EqualFold(r.Verb, "POST") {
		query = canonical(r.Params)
	}
	request := strings.Join([]string{strings.ToUpper(r.Verb), r.Path, query, strings.Join(headers, "\n") + "\n",
		r.part("SignedHeaders"), r.BodyHash}, "\n")
	sum := sha256.Sum256([]byte(request))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", date, strings.Join(scope[1:], "/"), hex.EncodeToString(sum[:])},
		"\n")
	return derive(secret, scope[1:], text)
}

// derive signs with the key that version 4 derives for a scope of date, region, service and the fixed last word.
func derive(secret string, scope []string, text string) string {
	key := []byte("AWS4" + secret)
	for _, step := range append(slices.Clone(scope[:3]), "aws4_request") {
		key = mac(sha256.New, string(key), step)
	}
	return hex.EncodeToString(mac(sha256.New, string(key), text))
}

// s3 signs the text that an S3 service has put together itself.
func (r Signed) s3(secret string) string {
	text, err := base64.URLEncoding.DecodeString(r.Token)
	if err != nil {
		if text, err = base64.StdEncoding.DecodeString(r.Token); err != nil {
			return ""
		}
	}
	if !strings.HasPrefix(string(text), "AWS4") {
		return base64.StdEncoding.EncodeToString(mac(sha1.New, secret, string(text)))
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) != 4 || lines[0] != "AWS4-HMAC-SHA256" {
		return ""
	}
	scope := strings.Split(lines[2], "/")
	if len(scope) != 4 || scope[3] != "aws4_request" || !slices.Contains([]string{"s3", "iam", "sts"}, scope[2]) {
		return ""
	}
	return derive(secret, scope, string(text))
}
