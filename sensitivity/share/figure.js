// A page with figures: only the data are downloaded.
"use strict";

offer("save-data", "data.json", () => JSON.stringify(JSON.parse(get("data").textContent).report));
