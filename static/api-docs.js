const ui = document.getElementById("ui");
SwaggerUIBundle({ url: ui.dataset.document, dom_id: "#ui", validatorUrl: null, deepLinking: true });
