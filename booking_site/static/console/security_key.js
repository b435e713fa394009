"use strict";
// The buttons of security keys: the browser asks the key, and its answer is sent with the form.
{
    const FAILED = document.currentScript.dataset.failed;
    const options = JSON.parse(document.getElementById("key-options").textContent);
    const trouble = document.querySelector(".key-trouble");
    for (const button of document.querySelectorAll("button[data-key]")) {
        button.addEventListener("click", async () => {
            trouble.hidden = true;
            button.disabled = true;
            try {
                const answer = button.dataset.key === "create"
                    ? await window.webauthnJSON.create(options.creation_options)
                    : await window.webauthnJSON.get(options.request_options);
                button.form.querySelector("[data-credential]").value = JSON.stringify(answer);
                button.form.submit();
            } catch {
                trouble.textContent = FAILED;
                trouble.hidden = false;
                button.disabled = false;
                button.focus();
            }
        });
    }
}
