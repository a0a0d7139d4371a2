/* Whether what a program was made from is still so: identities, compared many at a time. */

/* What is behind a list in CPython; `lists_are_known` is 0 where a trial does not find it so. */
typedef struct { PyVarObject base; PyObject **items; } ListObject;
static int lists_are_known;
static PyObject *cell_contents; /* the name of what is in a cell */

static int find_lists(void) {
    PyObject *list = PyList_New(2);
    if (!list) return 0;
    PyList_SetItem(list, 0, Py_NewRef(Py_None));
    PyList_SetItem(list, 1, Py_NewRef(Py_True));
    PyObject **items = ((ListObject *)list)->items;
    lists_are_known = items[0] == Py_None && items[1] == Py_True;
    Py_DECREF(list);
    cell_contents = PyUnicode_InternFromString("cell_contents");
    return cell_contents != NULL;
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

static inline Py_ssize_t size_of(PyObject *list) {
    return lists_are_known ? ((ListObject *)list)->base.ob_size : PyList_Size(list);
}

enum { AHEAD = 8 }; /* lists that the memory is asked for before they are compared */

/* Whether each list holds the objects that it held; `packed` is what it was. */
static int lists_hold(PyObject *lists, PyObject *packed) {
    const uintptr_t *was = (const uintptr_t *)(const void *)PyBytes_AsString(packed);
    for (Py_ssize_t i = 0, count = size_of(lists); i < count; i++) {
        PyObject *list = item_at(lists, i);
        if (lists_are_known && i + AHEAD < count) {
            READ_AHEAD(item_at(lists, i + AHEAD));
            PyObject **items = ((ListObject *)item_at(lists, i + AHEAD / 2))->items;
            READ_AHEAD(items);
            READ_AHEAD(items + 8);
        }
        const Py_ssize_t n = (Py_ssize_t)*was++;
        if (size_of(list) != n) return 0;
        if (lists_are_known) {
            if (memcmp(((ListObject *)list)->items, was, (size_t)n * sizeof *was)) return 0;
        } else for (Py_ssize_t j = 0; j < n; j++)
            if ((uintptr_t)PyList_GetItem(list, j) != was[j]) return 0;
        was += n;
    }
    return 1;
}

/* Whether each dict has that value there, None if it has none. */
static int dicts_have(PyObject *dicts, PyObject *keys, PyObject *values) {
    const Py_ssize_t n = PyList_Size(dicts);
    if (PyList_Size(keys) != n || PyList_Size(values) != n) return 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *found = PyDict_GetItemWithError(item_at(dicts, i), item_at(keys, i));
        if (!found && PyErr_Occurred()) return 0;
        if ((found ? found : Py_None) != item_at(values, i)) return 0;
    }
    return 1;
}

static PyObject *answer(int whether) {
    if (PyErr_Occurred()) return NULL;
    return Py_NewRef(whether ? Py_True : Py_False);
}

/* same_entries(dicts, keys, values) */
static PyObject *function_same_entries(PyObject *module, PyObject *args) {
    PyObject *dicts, *keys, *values;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &dicts, &PyList_Type, &keys,
                          &PyList_Type, &values)) return NULL;
    return answer(dicts_have(dicts, keys, values));
}

/* same_all(lists, packed, dicts, keys, values, cells, contents): both at once, and cells of
   closures */
static PyObject *function_same_all(PyObject *module, PyObject *args) {
    PyObject *lists, *packed, *dicts, *keys, *values, *cells, *contents;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O!O!O!", &PyList_Type, &lists, &PyBytes_Type, &packed,
                          &PyList_Type, &dicts, &PyList_Type, &keys, &PyList_Type, &values,
                          &PyList_Type, &cells, &PyList_Type, &contents)) return NULL;
    for (Py_ssize_t i = 0; i < PyList_Size(cells); i++) {
        PyObject *found = PyObject_GetAttr(item_at(cells, i), cell_contents);
        if (!found) PyErr_Clear();  /* it is empty now */
        Py_XDECREF(found);
        if (found != PyList_GetItem(contents, i)) return answer(0);
    }
    return answer(lists_hold(lists, packed) && dicts_have(dicts, keys, values));
}
