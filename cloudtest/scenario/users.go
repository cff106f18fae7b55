package scenario

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"

	"hypernova/app/rest"
)

// Password is that of the users of a test's cloud.
const Password = "secret"

// Users send requests as the people of a test's cloud: admin, demo and other, each on the project of the same name;
// nobody has no token.
type Users struct {
	Identity func() string // the identity API without its version

	mu     sync.Mutex // guards what follows
	logins map[string]*rest.Client
}

// Login is a user with a token; the same one for as long as the cloud lives.
func (u *Users) Login(ctx context.Context, user string) (*rest.Client, error) {
	if user == "nobody" {
		admin, err := u.Login(ctx, "admin")
		if err != nil {
			return nil, err
		}
		return &rest.Client{Endpoints: admin.Endpoints}, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.logins[user]; c != nil {
		return c, nil
	}
	c, err := rest.Login(ctx, http.DefaultClient, u.Identity(), rest.Credentials{User: user, Password: Password,
		Project: user})
	if err != nil {
		return nil, err
	}
	if u.logins == nil {
		u.logins = map[string]*rest.Client{}
	}
	u.logins[user] = c
	return c, nil
}

// Request sends a request as a user.
func (u *Users) Request(ctx context.Context, user string, r Request) (Answer, error) {
	l, err := u.Login(ctx, user)
	if err != nil {
		return Answer{}, err
	}
	base := strings.TrimRight(l.Endpoints[r.Service], "/")
	if base == "" {
		return Answer{}, fmt.Errorf("the catalog has no service of type %q", r.Service)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	if l.Token != "" {
		req.Header.Set("X-Auth-Token", l.Token)
	}
	if r.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, r.Header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}, err
}

// AddOther makes the project and user "other", a stranger to demo.
func AddOther(ctx context.Context, a *rest.Client) error {
	var project struct{ Project struct{ ID string } }
	if err := a.Do(ctx, http.MethodPost, "identity", "/projects",
		map[string]any{"project": map[string]any{"name": "other"}}, &project); err != nil {
		return err
	}
	var user struct{ User struct{ ID string } }
	if err := a.Do(ctx, http.MethodPost, "identity", "/users",
		map[string]any{"user": map[string]any{"name": "other", "password": Password}}, &user); err != nil {
		return err
	}
	var roles struct{ Roles []struct{ ID string } }
	if err := a.Do(ctx, http.MethodGet, "identity", "/roles?name=member", nil, &roles); err != nil {
		return err
	}
	if len(roles.Roles) == 0 {
		return fmt.Errorf("there is no role member")
	}
	return a.Do(ctx, http.MethodPut, "identity", "/projects/"+project.Project.ID+"/users/"+user.User.ID+"/roles/"+
		roles.Roles[0].ID, nil, nil)
}

// Landmarks finds the ids that stories begin with: image, flavor (m1.nano), network, subnet, admin_project,
// demo_project, other_project. Those of the first content are left out where there is none.
func Landmarks(ctx context.Context, a *rest.Client) (map[string]string, error) {
	out := map[string]string{}
	var projects struct{ Projects []struct{ ID, Name string } }
	if err := a.Do(ctx, http.MethodGet, "identity", "/projects", nil, &projects); err != nil {
		return nil, err
	}
	for _, p := range projects.Projects {
		out[p.Name+"_project"] = p.ID
	}
	var images struct{ Images []struct{ ID string } }
	if err := a.Do(ctx, http.MethodGet, "image", "/v2/images?name=guest", nil, &images); err != nil {
		return nil, err
	}
	var nets struct {
		Networks []struct {
			ID      string
			Subnets []string
		}
	}
	if err := a.Do(ctx, http.MethodGet, "network", "/v2.0/networks?name=demo", nil, &nets); err != nil {
		return nil, err
	}
	for _, i := range images.Images {
		out["image"], out["flavor"] = i.ID, "42"
	}
	for _, n := range nets.Networks {
		out["network"], out["subnet"] = n.ID, strings.Join(n.Subnets, ",")
	}
	return out, nil
}
