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
        PyObject *dict = item_at(dicts, i), *key = item_at(keys, i), *found;
        if (PyDict_Check(dict)) {
            found = PyDict_GetItemWithError(dict, key);
            if (!found && PyErr_Occurred()) return 0;
        } else { /* that of a class */
            found = PyObject_GetItem(dict, key);
            if (!found) PyErr_Clear();
            Py_XDECREF(found);
        }
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

/* What is behind an array of NumPy's; `function_packed_array` finds out whether it is so. */
typedef struct {
    PyObject base;
    char *data;
    int axes;
    Py_ssize_t *shape, *strides;
} ArrayObject;

/* packed_array(array, address, axes, size): its axes, bytes, shape, strides and contents as bytes,
   or None if its contents are not found at that address; it must be contiguous */
static PyObject *function_packed_array(PyObject *module, PyObject *args) {
    PyObject *array;
    Py_ssize_t address, size;
    int axes;
    if (!PyArg_ParseTuple(args, "Onin", &array, &address, &axes, &size)) return NULL;
    const ArrayObject *x = (const ArrayObject *)array;
    if ((Py_ssize_t)(uintptr_t)x->data != address || x->axes != axes || axes > 32)
        return Py_NewRef(Py_None);
    const Py_ssize_t head = 2 + 2 * axes;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, head * (Py_ssize_t)sizeof head + size);
    if (!bytes) return NULL;
    Py_ssize_t *to = (Py_ssize_t *)(void *)PyBytes_AsString(bytes);
    to[0] = axes, to[1] = size;
    for (int k = 0; k < axes; k++) to[2 + k] = x->shape[k], to[2 + axes + k] = x->strides[k];
    memcpy(to + head, x->data, (size_t)size);
    return bytes;
}

/* Whether each array holds what it held. */
static int arrays_hold(PyObject *arrays, PyObject *packed) {
    for (Py_ssize_t i = 0, count = size_of(arrays); i < count; i++) {
        const ArrayObject *x = (const ArrayObject *)item_at(arrays, i);
        const Py_ssize_t *was =
            (const Py_ssize_t *)(const void *)PyBytes_AsString(item_at(packed, i));
        const Py_ssize_t axes = was[0], length = axes * (Py_ssize_t)sizeof axes;
        if (x->axes != axes || memcmp(x->shape, was + 2, (size_t)length)
            || memcmp(x->strides, was + 2 + axes, (size_t)length)
            || memcmp(x->data, was + 2 + 2 * axes, (size_t)was[1])) return 0;
    }
    return 1;
}

/* word_of(x, value, size): where in the memory of x, in bytes from its beginning, the only pointer
   to a value is; -1 if there is none, or are several */
static PyObject *function_word_of(PyObject *module, PyObject *args) {
    PyObject *x, *value;
    Py_ssize_t size, found = -1;
    if (!PyArg_ParseTuple(args, "OOn", &x, &value, &size)) return NULL;
    for (Py_ssize_t at = sizeof(PyObject); at + (Py_ssize_t)sizeof x <= size; at += sizeof x)
        if (*(PyObject **)((char *)x + at) == value) {
            if (found >= 0) return PyLong_FromLong(-1);
            found = at;
        }
    return PyLong_FromSsize_t(found);
}

/* Whether each object has that attribute; NotImplemented stands for none. What is an integer in
   place of a name is where its word is, and 1 more if there None may be a null pointer. */
static int attributes_are(PyObject *objects, PyObject *names, PyObject *values) {
    for (Py_ssize_t i = 0, count = size_of(objects); i < count; i++) {
        PyObject *x = item_at(objects, i), *name = item_at(names, i), *value = item_at(values, i);
        if (PyLong_Check(name)) {
            const Py_ssize_t at = PyLong_AsSsize_t(name);
            PyObject *word = *(PyObject **)((char *)x + (at & ~(Py_ssize_t)1));
            if (word != value && !(at & 1 && !word && value == Py_None)) return 0;
            continue;
        }
        PyObject *found = PyObject_GetAttr(x, name);
        if (!found) PyErr_Clear();
        Py_XDECREF(found);
        if ((found ? found : Py_NotImplemented) != value) return 0;
    }
    return 1;
}

/* packed_keys(dict): its keys in order, as bytes */
static PyObject *function_packed_keys(PyObject *module, PyObject *dict) {
    PyObject *key, *bytes;
    Py_ssize_t at = 0, size = PyDict_Size(dict);
    if (size < 0) return NULL;
    bytes = PyBytes_FromStringAndSize(NULL, size * (Py_ssize_t)sizeof key);
    if (!bytes) return NULL;
    for (PyObject **to = (PyObject **)(void *)PyBytes_AsString(bytes);
         PyDict_Next(dict, &at, &key, NULL);) *to++ = key;
    return bytes;
}

static int keys_are(PyObject *dict, PyObject *packed) {
    PyObject *key, **was = (PyObject **)(void *)PyBytes_AsString(packed);
    Py_ssize_t at = 0;
    if (PyDict_Size(dict) * (Py_ssize_t)sizeof key != PyBytes_Size(packed)) return 0;
    while (PyDict_Next(dict, &at, &key, NULL))
        if (key != *was++) return 0;
    return 1;
}

/* Whether each container is of that size; where bytes are in its place, has these keys. */
static int sizes_are(PyObject *containers, PyObject *sizes) {
    for (Py_ssize_t i = 0, count = size_of(containers); i < count; i++) {
        PyObject *container = item_at(containers, i), *was = item_at(sizes, i);
        if (PyBytes_Check(was)) {
            if (!keys_are(container, was)) return 0;
            continue;
        }
        const Py_ssize_t size = PyObject_Size(container);
        if (size < 0 || size != PyLong_AsSsize_t(was)) return 0;
    }
    return 1;
}

/* same_call(given, held, watched): whether two tuples hold the same objects, and `same_all(*watched)` */
static PyObject *function_same_all(PyObject *module, PyObject *args);
static PyObject *function_same_call(PyObject *module, PyObject *args) {
    PyObject *given, *held, *watched;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyTuple_Type, &given, &PyTuple_Type, &held,
                          &PyTuple_Type, &watched)) return NULL;
    const Py_ssize_t n = PyTuple_Size(held);
    if (PyTuple_Size(given) != n) return Py_NewRef(Py_False);
    for (Py_ssize_t i = 0; i < n; i++)
        if (PyTuple_GetItem(given, i) != PyTuple_GetItem(held, i)) return Py_NewRef(Py_False);
    return function_same_all(module, watched);
}

/* same_all(lists, packed, dicts, keys, values, objects, names, contents, arrays, packed,
            containers, sizes): all in one go */
static PyObject *function_same_all(PyObject *module, PyObject *args) {
    PyObject *of[12];
    const Py_ssize_t count = PyTuple_Size(args);
    for (Py_ssize_t k = 0; k < 12; k++) {
        of[k] = k < count ? PyTuple_GetItem(args, k) : NULL;
        if (!of[k] || count != 12 || !(k == 1 ? PyBytes_Check(of[k]) : PyList_Check(of[k]))) {
            PyErr_SetString(PyExc_TypeError, "same_all takes 12 lists, the second as bytes");
            return NULL;
        }
    }
    return answer(sizes_are(of[10], of[11]) && arrays_hold(of[8], of[9])
                  && attributes_are(of[5], of[6], of[7]) && lists_hold(of[0], of[1])
                  && dicts_have(of[2], of[3], of[4]));
}
