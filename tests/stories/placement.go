package stories

// Placement returns the sequences of placement, for every microversion. Steps name the microversions that have their
// form.
func Placement() []Sequence {
	var out []Sequence
	for _, steps := range [][]Step{providerSteps, inventorySteps, nameSteps, claimSteps(), candidateSteps} {
		out = append(out, Sequence{Service: "placement", Caller: "admin", Steps: steps})
	}
	return out
}

var newProvider = []Step{
	{Call: "POST /resource_providers", To: 19, Body: `{"name":"{new:rpname}","uuid":"{uuid:rp}"}`, Want: 201, Again: 409},
	{Call: "POST /resource_providers", From: 20, Body: `{"name":"{new:rpname}","uuid":"{uuid:rp}"}`, Want: 200,
		Again: 409},
}

// with returns steps on a new provider.
func with(steps ...Step) []Step {
	out := append(newProvider[:len(newProvider):len(newProvider)], steps...)
	return append(out, Step{Call: "DELETE /resource_providers/{rp}", Want: 204, Again: 404})
}

var providerSteps = with([]Step{
	{Call: "GET /", Want: 200, Open: true},
	{Call: "POST /resource_providers", From: 14, To: 19,
		Body: `{"name":"{new:child}","uuid":"{uuid:kid}","parent_provider_uuid":"{rp}"}`, Want: 201},
	{Call: "POST /resource_providers", From: 20,
		Body: `{"name":"{new:child}","uuid":"{uuid:kid}","parent_provider_uuid":"{rp}"}`, Want: 200},
	{Call: "GET /resource_providers", Want: 200},
	{Call: "GET /resource_providers?name={rpname}", Want: 200},
	{Call: "GET /resource_providers?uuid={rp}&member_of=in:{rp},{rp}", From: 3, Want: 200},
	{Call: "GET /resource_providers?resources=VCPU:1", From: 4, Want: 200},
	{Call: "GET /resource_providers?in_tree={rp}", From: 14, Want: 200},
	{Call: "GET /resource_providers?required=HW_CPU_X86_AVX", From: 18, Want: 200},
	{Call: "GET /resource_providers/{rp}", Want: 200},
	{Call: "PUT /resource_providers/{rp}", Body: `{"name":"{new:rpname}"}`, Want: 200},
	{Call: "GET /resource_providers/{rp}/aggregates", From: 1, Want: 200},
	{Call: "PUT /resource_providers/{rp}/aggregates", From: 1, To: 18, Body: `["{uuid:agg}"]`, Want: 200},
	{Call: "GET /resource_providers/{rp}/aggregates", From: 19, Want: 200, Keep: "gen=resource_provider_generation"},
	{Call: "PUT /resource_providers/{rp}/aggregates", From: 19,
		Body: `{"resource_provider_generation":{gen},"aggregates":["{uuid:agg}"]}`, Want: 200, Again: 409},
	{Call: "GET /resource_providers/{rp}/usages", Want: 200},
	{Call: "GET /resource_providers/{rp}/allocations", Want: 200},
	{Call: "DELETE /resource_providers/{kid}", From: 14, Want: 204},
}...)

const record = `"total":16,"reserved":1,"min_unit":1,"max_unit":8,"step_size":1,"allocation_ratio":2.0`

var inventorySteps = with([]Step{
	{Call: "GET /resource_providers/{rp}/inventories", Want: 200, Keep: "gen=resource_provider_generation"},
	{Call: "PUT /resource_providers/{rp}/inventories",
		Body: `{"resource_provider_generation":{gen},"inventories":{"VCPU":{` + record + `}}}`, Want: 200,
		Keep: "gen=resource_provider_generation", Again: 409},
	{Call: "POST /resource_providers/{rp}/inventories", Body: `{"resource_class":"DISK_GB",` + record + `}`, Want: 201,
		Keep: "gen=resource_provider_generation", Again: 409},
	{Call: "GET /resource_providers/{rp}/inventories/VCPU", Want: 200},
	{Call: "PUT /resource_providers/{rp}/inventories/VCPU", Body: `{"resource_provider_generation":{gen},` + record + `}`,
		Want: 200, Keep: "gen=resource_provider_generation", Again: 409},
	{Call: "DELETE /resource_providers/{rp}/inventories/DISK_GB", Want: 204, Again: 404},
	{Call: "DELETE /resource_providers/{rp}/inventories", From: 5, Want: 204},
}...)

var nameSteps = with([]Step{
	{Call: "GET /resource_classes", From: 2, Want: 200},
	{Call: "GET /resource_classes/VCPU", From: 2, Want: 200},
	{Call: "POST /resource_classes", From: 2, Body: `{"name":"CUSTOM_{serial:class}"}`, Want: 201, Again: 409},
	{Call: "GET /resource_classes/CUSTOM_{class}", From: 2, Want: 200},
	{Call: "PUT /resource_classes/CUSTOM_{class}", From: 2, To: 6, Body: `{"name":"CUSTOM_B{class}"}`, Want: 200,
		Keep: "renamed=name"},
	{Call: "DELETE /resource_classes/{renamed}", From: 2, To: 6, Want: 204, Again: 404},
	{Call: "PUT /resource_classes/CUSTOM_C{class}", From: 7, Want: 201, Again: 204, Unknown: -1},
	{Call: "DELETE /resource_classes/CUSTOM_C{class}", From: 7, Want: 204, Again: 404},
	{Call: "GET /traits", From: 6, Want: 200},
	{Call: "GET /traits?name=startswith:CUSTOM&associated=false", From: 6, Want: 200},
	{Call: "PUT /traits/CUSTOM_{serial:trait}", From: 6, Want: 201, Again: 204, Unknown: -1},
	{Call: "GET /traits/CUSTOM_{trait}", From: 6, Want: 204},
	{Call: "GET /resource_providers/{rp}/traits", From: 6, Want: 200, Keep: "gen=resource_provider_generation"},
	{Call: "PUT /resource_providers/{rp}/traits", From: 6,
		Body: `{"resource_provider_generation":{gen},"traits":["CUSTOM_{trait}","HW_CPU_X86_AVX"]}`, Want: 200, Again: 409},
	{Call: "DELETE /resource_providers/{rp}/traits", From: 6, Want: 204},
	{Call: "DELETE /traits/CUSTOM_{trait}", From: 6, Want: 204, Again: 404},
}...)

// claimSteps are claims in the four forms of the microversions.
func claimSteps() []Step {
	out := []Step{
		{Call: "PUT /resource_providers/{rp}/inventories", Body: `{"resource_provider_generation":0,"inventories":{"VCPU":{` +
			record + `}}}`, Want: 200},
		{Call: "GET /allocations/{uuid:consumer}", Want: 200, Unknown: -1},
	}
	for _, f := range []struct {
		from, to int
		held     string // other members of a consumer's allocations
	}{
		{0, 7, ``},
		{8, 11, `,"project_id":"{home}","user_id":"{member}"`},
		{12, 27, `,"project_id":"{home}","user_id":"{member}"`},
		{28, 33, `,"project_id":"{home}","user_id":"{member}","consumer_generation":{held}`},
		{34, 37, `,"project_id":"{home}","user_id":"{member}","consumer_generation":{held},"mappings":{"":["{rp}"]}`},
		{38, 0, `,"project_id":"{home}","user_id":"{member}","consumer_generation":{held},"mappings":{"":["{rp}"]},"consumer_type":"INSTANCE"`},
	} {
		what := `"allocations":{"{rp}":{"resources":{"VCPU":1}}}`
		if f.from < 12 {
			what = `"allocations":[{"resource_provider":{"uuid":"{rp}"},"resources":{"VCPU":1}}]`
		}
		step := Step{Call: "PUT /allocations/{consumer}", From: f.from, To: f.to, Body: `{` + what + f.held + `}`,
			Want: 204, Unknown: -1,
			Prepare: func(n Names) { n["held"] = "null" }}
		if f.from >= 28 {
			step.Again = 409
		}
		out = append(out, step)
		if f.from < 12 {
			continue
		}
		out = append(out, Step{Call: "POST /allocations", From: max(f.from, 13), To: f.to,
			Body: `{"{uuid:other}":{` + what + f.held + `}}`, Want: 204, Again: step.Again,
			Prepare: step.Prepare})
		if f.from < 28 {
			continue
		}
		out = append(out,
			Step{Call: "GET /allocations/{consumer}", From: f.from, To: f.to, Want: 200, Keep: "held=consumer_generation",
				Unknown: -1},
			Step{Call: "GET /resource_providers/{rp}/inventories", From: max(f.from, 30), To: f.to, Want: 200,
				Keep: "gen=resource_provider_generation"},
			Step{Call: "POST /reshaper", Who: "service", From: max(f.from, 30), To: f.to, Want: 204, Again: 409,
				Body: `{"inventories":{"{rp}":{"resource_provider_generation":{gen},"inventories":{"VCPU":{` + record + `}}}},
					"allocations":{"{consumer}":{` + what + f.held + `}}}`})
	}
	out = append(out,
		Step{Call: "GET /allocations/{consumer}", Want: 200, Unknown: -1},
		Step{Call: "GET /resource_providers/{rp}/allocations", Want: 200},
		Step{Call: "GET /resource_providers/{rp}/usages", Want: 200},
		Step{Call: "GET /usages?project_id={home}", From: 9, Want: 200},
		Step{Call: "GET /usages?project_id={home}&user_id={member}", From: 9, Want: 200},
		Step{Call: "GET /usages?project_id={home}&consumer_type=INSTANCE", From: 38, Want: 200},
		Step{Call: "DELETE /allocations/{consumer}", Want: 204, Again: 404},
		Step{Call: "DELETE /allocations/{other}", From: 13, Want: 204})
	return with(out...)
}

var candidateSteps = with([]Step{
	{Call: "PUT /resource_providers/{rp}/inventories", Body: `{"resource_provider_generation":0,"inventories":{"VCPU":{` +
		record + `}}}`, Want: 200},
	{Call: "GET /allocation_candidates?resources=VCPU:1", From: 10, Want: 200},
	{Call: "GET /allocation_candidates?resources=VCPU:1&limit=1", From: 16, Want: 200},
	{Call: "GET /allocation_candidates?resources=VCPU:1&required=HW_CPU_X86_AVX", From: 17, Want: 200},
	{Call: "GET /allocation_candidates?resources=VCPU:1&required=!HW_CPU_X86_AVX", From: 22, Want: 200},
	{Call: "GET /allocation_candidates?resources1=VCPU:1&resources2=VCPU:1&group_policy=none", From: 25, Want: 200},
	{Call: "GET /allocation_candidates?resources=VCPU:1&in_tree={rp}", From: 31, Want: 200},
	{Call: "GET /allocation_candidates?resources_A=VCPU:1&required_A=!HW_CPU_X86_AVX", From: 33, Want: 200},
	{Call: "GET /allocation_candidates?resources_A=VCPU:1&resources_B=VCPU:1&same_subtree=_A,_B&group_policy=none",
		From: 36, Want: 200},
	{Call: "GET /allocation_candidates?resources=VCPU:1&root_required=!HW_CPU_X86_AVX", From: 35, Want: 200},
	{Call: "GET /allocation_candidates?resources=VCPU:1&required=in:HW_CPU_X86_AVX,HW_CPU_X86_AVX2", From: 39, Want: 200},
}...)
