package authres

// clean is the part of r that Format writes, as Parse reads it back.
func clean(r Results, style Style) Results {
	c := Results{AuthServID: cleanText(r.AuthServID), Version: cleanVersion(r.Version)}
	if style == Microsoft {
		c = Results{}
	}
	properties := 0
	for i := range r.Results {
		properties += len(r.Results[i].Properties)
	}
	room := make([]Property, 0, properties) // for those of all results
	results := make([]Result, 0, len(r.Results))
	for i := range r.Results {
		res, ok := cleanResult(&r.Results[i], style, room)
		if ok {
			results = append(results, res)
			n := len(res.Properties)
			room = room[n:n]
		}
	}
	if len(results) > 0 {
		c.Results = results
	}
	return c
}

// cleanResult puts the properties that stay into properties, which is empty and has room for all.
func cleanResult(r *Result, style Style, properties []Property) (Result, bool) {
	c := Result{
		Method:  cleanKeyword(r.Method),
		Version: cleanVersion(r.Version),
		Value:   cleanKeyword(r.Value),
		Comment: cleanComment(r.Comment),
		Reason:  cleanValue(r.Reason),
	}
	for _, p := range r.Properties {
		p = Property{cleanKeyword(p.Type), cleanKeyword(p.Name), cleanValue(p.Value), cleanComment(p.Comment)}
		bare := p.Type == "" && (style != Microsoft || p.Name == "reason")
		if p.Name != "" && !bare {
			properties = append(properties, p)
		}
	}
	if n := len(properties); n > 0 {
		c.Properties = properties[:n:n]
	}
	return c, c.Method != "" && c.Value != ""
}
