package app

import (
	"context"
	"io/fs"
	"os"

	"hypernova/glance/images"
	"hypernova/glance/properties"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// quotas are identity's limits of images where [image] use_keystone_limits asks for them, else none.
func (g *glanceParts) quotas(ctx context.Context) (images.Quotas, error) {
	if !g.p.c.Image.UnifiedLimits {
		return nil, nil
	}
	return g.p.keystone.limits(ctx, "image")
}

// trustedCertificates is the folder that signatures of images are checked by, nil where there is none.
func (c *Config) trustedCertificates() (fs.FS, error) {
	d := c.Image.Certificates
	if d == "" {
		return nil, nil
	}
	if i, err := os.Stat(d); err != nil || !i.IsDir() {
		return nil, fault.Invalidf("[image] trusted_certificates_dir: %s is not a folder", d)
	}
	return os.DirFS(d), nil
}

// propertyProtections reads the operator's file, nil where there is none. In the form of policies its options name
// rules of e, or of the operator's policy file.
func (c *Config) propertyProtections(e *policy.Enforcer) (*properties.Rules, error) {
	if c.Image.Protections == "" {
		return nil, nil
	}
	if c.Image.ProtectionForm != "policies" {
		return properties.Load(c.Image.Protections, nil)
	}
	return properties.Load(c.Image.Protections, func(rule string, caller *auth.Caller) bool {
		return e.Check(&policy.Rule{Name: rule}, caller, policy.Target{}).Allowed
	})
}
