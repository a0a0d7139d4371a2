/* Whether what a program was made from is still so: identities, compared many at a time. */

/* What is behind a list in CPython; `lists_are_known` is 0 where a trial does not find it so. */
typedef struct { PyVarObject base; PyObject **items; } ListObject;
static int lists_are_known;

static int find_lists(void) {
    PyObject *list = PyList_New(2);
    if (!list) return 0;
    PyList_SetItem(list, 0, Py_NewRef(Py_None));
    PyList_SetItem(list, 1, Py_NewRef(Py_True));
    PyObject **items = ((ListObject *)list)->items;
    lists_are_known = items[0] == Py_None && items[1] == Py_True;
    Py_DECREF(list);
    return 1;
}

static PyObject *item_at(PyObject *list, Py_ssize_t i) {
    return lists_are_known ? ((ListObject *)list)->items[i] : PyList_GetItem(list, i);
}

/* packed(lists): for each its length and where its items are, one after the other, as bytes */
static PyObject *function_packed(PyObject *module, PyObject *lists) {
    Py_ssize_t count = PyList_Size(lists), room = 0;
    if (count < 0) return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t n = PyList_Size(PyList_GetItem(lists, i));
        if (n < 0) return NULL;
        room += 1 + n;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, room * (Py_ssize_t)sizeof(uintptr_t));
    if (!bytes) return NULL;
    uintptr_t *to = (uintptr_t *)(void *)PyBytes_AsString(bytes);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *list = PyList_GetItem(lists, i);
        Py_ssize_t n = PyList_Size(list);
        *to++ = (uintptr_t)n;
        for (Py_ssize_t j = 0; j < n; j++) *to++ = (uintptr_t)item_at(list, j);
    }
    return bytes;
}

/* same_lists(lists, packed): whether each list holds the objects that it held */
static PyObject *function_same_lists(PyObject *module, PyObject *args) {
    PyObject *lists, *packed;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &lists, &PyBytes_Type, &packed)) return NULL;
    const uintptr_t *was = (const uintptr_t *)(const void *)PyBytes_AsString(packed);
    for (Py_ssize_t i = 0, count = PyList_Size(lists); i < count; i++) {
        PyObject *list = PyList_GetItem(lists, i);
        const Py_ssize_t n = (Py_ssize_t)*was++;
        if (PyList_Size(list) != n) return Py_NewRef(Py_False);
        if (lists_are_known) {
            if (memcmp(((ListObject *)list)->items, was, (size_t)n * sizeof *was))
                return Py_NewRef(Py_False);
        } else for (Py_ssize_t j = 0; j < n; j++)
            if ((uintptr_t)PyList_GetItem(list, j) != was[j]) return Py_NewRef(Py_False);
        was += n;
    }
    return Py_NewRef(Py_True);
}

/* same_entries(dicts, keys, values): whether each dict has that value there, None if it has none */
static PyObject *function_same_entries(PyObject *module, PyObject *args) {
    PyObject *dicts, *keys, *values;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &dicts, &PyList_Type, &keys,
                          &PyList_Type, &values)) return NULL;
    Py_ssize_t n = PyList_Size(dicts);
    if (PyList_Size(keys) != n || PyList_Size(values) != n) return Py_NewRef(Py_False);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *found = PyDict_GetItemWithError(PyList_GetItem(dicts, i), PyList_GetItem(keys, i));
        if (!found && PyErr_Occurred()) return NULL;
        if ((found ? found : Py_None) != PyList_GetItem(values, i)) return Py_NewRef(Py_False);
    }
    return Py_NewRef(Py_True);
}
